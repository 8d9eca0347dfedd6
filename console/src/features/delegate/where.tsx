/** Which repository, from which branch, by which agent. */
import { may } from "@/api/rights";
import type { Profile } from "@/api/schema";
import { useMe } from "@/api/use-me";
import { useProfiles } from "@/api/use-profiles";
import { useProjects } from "@/api/use-projects";
import { Field, Input } from "@/components/field";
import { RichLine } from "@/components/rich-line";
import { type Choice, Select } from "@/components/select";
import type { Draft, Faults } from "./draft";

interface WhereProps {
  task: Draft;
  faults: Faults;
  change: (part: Partial<Draft>) => void;
}

export function Where({ task, faults, change }: WhereProps) {
  const me = useMe().data;
  const projects = useProjects().data?.items.filter(({ id }) => me && may(me, "operate", id)) ?? [];
  const chosen = projects.find(({ name }) => name === task.project);
  const anywhere = me !== undefined && may(me, "operate");
  const choices: Choice[] = [
    ...projects.map(({ name, source }) => ({ value: name, label: name, note: source })),
    anywhere
      ? { value: "", label: "Another repository", note: "By path or URL; Kyros learns it with this task" }
      : { value: "", label: "Choose a project", note: "One in which you may hand over tasks" },
  ];
  return (
    <div className="grid grid-cols-2 gap-4 max-sm:grid-cols-1">
      {projects.length > 0 && (
        <Labelled label="Project">
          <Select
            label="Project"
            value={task.project}
            onChange={(project) => change({ project })}
            choices={choices}
            testid="project"
          />
          {!anywhere && faults.repo && (
            <p role="alert" className="text-bad text-xs" data-testid="field-error">
              Choose the project it belongs to.
            </p>
          )}
        </Labelled>
      )}
      {!task.project && anywhere && (
        <Field label="Repository" hint="Your own clone is never written." error={faults.repo}>
          <Input
            value={task.repo}
            onValueChange={(repo) => change({ repo })}
            placeholder="/path/on/the/server or https://…"
            className="font-mono text-xs"
            data-testid="repo"
          />
        </Field>
      )}
      <Field label="Base branch" optional>
        <Input
          value={task.base}
          onValueChange={(base) => change({ base })}
          placeholder={chosen?.default_base ?? "The repository's default"}
          className="font-mono text-xs"
          data-testid="base"
        />
      </Field>
      <Agent value={task.agent} onChange={(agent) => change({ agent })} />
    </div>
  );
}

function Labelled({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <span className="font-medium text-sm" aria-hidden="true">
        {label}
      </span>
      {children}
    </div>
  );
}

const NOT_A_MODEL = "Not a model: it carries out what the task spells out in fenced blocks.";

function choiceOf({ name, title, is_model, program, install_hint }: Profile): Choice {
  if (!program)
    return {
      value: name,
      label: title,
      note: <RichLine text={`Not installed. ${install_hint}`} />,
      disabled: true,
    };
  return { value: name, label: title, note: is_model ? program : NOT_A_MODEL };
}

function Agent({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const profiles = useProfiles().data?.items ?? [];
  const standing = profiles.find(({ is_default }) => is_default);
  const chosen = value ? profiles.find(({ name }) => name === value) : standing;
  const choices = [
    {
      value: "",
      label: standing ? `Default: ${standing.title}` : "Default agent",
      note: "What this installation is set to",
    },
    ...profiles.toSorted((a, b) => Number(!a.program) - Number(!b.program)).map(choiceOf),
  ];
  return (
    <Labelled label="Agent">
      <Select label="Agent" value={value} onChange={onChange} choices={choices} testid="agent" />
      {chosen && !chosen.is_model && (
        <p className="text-warn text-xs" data-testid="not-a-model">
          {NOT_A_MODEL}
        </p>
      )}
    </Labelled>
  );
}
