/** Every run, newest first, live; the filter is in the address. */
import { Play, Plus } from "lucide-react";
import { RUN_STATUSES, type RunStatus } from "@/api/schema";
import { useMaySomewhere } from "@/api/use-may";
import { useProjects } from "@/api/use-projects";
import { useRuns } from "@/api/use-runs";
import { Button, ButtonLink } from "@/components/button";
import { More } from "@/components/more";
import { Page } from "@/components/page";
import { Segments } from "@/components/segments";
import { Select } from "@/components/select";
import { Empty, LoadingRows, Trouble } from "@/components/states";
import { RUN_LOOKS } from "@/components/status";
import { useQueryParam } from "@/components/use-query-param";
import { useNow } from "@/lib/now";
import { RunRow } from "./run-row";

const FILTERS = [
  { value: "" as const, label: "All" },
  ...RUN_STATUSES.map((value) => ({ value, label: RUN_LOOKS[value].label })),
];

const isStatus = (value: string | null): value is RunStatus =>
  RUN_STATUSES.some((status) => status === value);

export default function RunsPage() {
  const [asked, setStatus] = useQueryParam("status");
  const [project, setProject] = useQueryParam("project");
  const status = isStatus(asked) ? asked : null;
  const may = useMaySomewhere("operate");
  return (
    <Page
      title="Runs"
      actions={may && <DelegateButton />}
      toolbar={
        <>
          <Segments
            label="Status"
            value={status ?? ""}
            options={FILTERS}
            onChange={(next) => setStatus(next || null)}
            testid="status"
          />
          <ProjectFilter value={project ?? ""} onChange={(next) => setProject(next || null)} />
        </>
      }
    >
      <RunList status={status} project={project} onClear={() => setStatus(null)} />
    </Page>
  );
}

const DelegateButton = () => (
  <ButtonLink to="/runs/new" look="primary" data-testid="delegate">
    <Plus aria-hidden="true" /> Delegate
  </ButtonLink>
);

function ProjectFilter({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const projects = useProjects();
  const known = projects.data?.items ?? [];
  if (known.length < 2 && !value) return null;
  const choices = [
    { value: "", label: "All projects" },
    ...known.map(({ name }) => ({ value: name, label: name })),
  ];
  if (value && !known.some(({ name }) => name === value)) choices.push({ value, label: value });
  return (
    <Select label="Project" value={value} onChange={onChange} choices={choices} testid="project-filter" />
  );
}

interface ListProps {
  status: RunStatus | null;
  project: string | null;
  onClear: () => void;
}

function RunList({ status, project, onClear }: ListProps) {
  const runs = useRuns({ ...(status && { status }), ...(project && { project }) });
  const now = useNow(true);
  if (runs.isPending) return <LoadingRows label="Loading runs" />;
  if (runs.isError) return <Trouble error={runs.error} onRetry={() => void runs.refetch()} />;
  const items = runs.data.pages.flatMap((page) => page.items);
  if (items.length === 0) return status || project ? <NoneMatch onClear={onClear} /> : <NoneYet />;
  return (
    <>
      <ul aria-label="Runs" data-testid="runs">
        {items.map((run) => (
          <RunRow key={run.id} run={run} now={now} />
        ))}
      </ul>
      <More
        hasMore={runs.hasNextPage}
        loading={runs.isFetchingNextPage}
        onMore={() => void runs.fetchNextPage()}
      />
    </>
  );
}

function NoneYet() {
  const may = useMaySomewhere("operate");
  return (
    <Empty icon={Play} title="No runs yet" action={may && <DelegateButton />}>
      {may
        ? "Hand over a task: an agent works on it in a worktree of its own, and you get a pull request to review."
        : "Once somebody hands over a task, you can watch the agent at work here."}
    </Empty>
  );
}

const NoneMatch = ({ onClear }: { onClear: () => void }) => (
  <Empty icon={Play} title="No run matches" action={<Button onClick={onClear}>Show every status</Button>}>
    Nothing is in this state at the moment.
  </Empty>
);
