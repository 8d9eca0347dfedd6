/** A diff, file by file: unified or split, coloured, only what is on screen is drawn. */
import { Virtualizer } from "@pierre/diffs";
import {
  FileDiff,
  type FileDiffOptions,
  VirtualizerContext,
  WorkerPoolContextProvider,
} from "@pierre/diffs/react";
import HighlightWorker from "@pierre/diffs/worker/worker.js?worker";
import { ChevronDown, FileDiff as FileIcon } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { cn } from "@/lib/cn";
import { useTheme } from "@/lib/theme";
import { Segments } from "../segments";
import { Empty } from "../states";
import { useQueryParam } from "../use-query-param";
import { type FileChange, parse, total } from "./parse";
import { DIFF_THEMES } from "./themes";
import { goToFile, useFileKeys } from "./use-file-keys";

const STYLES = [
  { value: "unified", label: "Unified" },
  { value: "split", label: "Split" },
] as const;

type Style = (typeof STYLES)[number]["value"];
type Options = FileDiffOptions<undefined, undefined>;

/** Small files are coloured at once; large ones appear plain, and in colour when a worker has read them. */
const POOL = { workerFactory: () => new HighlightWorker(), poolSize: 2, mainThreadMaxCharacters: 20_000 };
const HIGHLIGHTER = { theme: DIFF_THEMES, preferredHighlighter: "shiki-js" } as const;

export default function Diff({ patch }: { patch: string }) {
  const files = useMemo(() => parse(patch), [patch]);
  const keys = useMemo(() => files.map((file) => file.key), [files]);
  const [view, setView] = useQueryParam("view");
  const style: Style = view === "split" ? "split" : "unified";
  const options = useOptions(style);
  useFileKeys(keys);
  if (files.length === 0)
    return (
      <Empty icon={FileIcon} title="No changes yet">
        What the agent changes appears here once it is committed to the branch.
      </Empty>
    );
  return (
    <section aria-label="Changes" data-testid="diff">
      <Toolbar files={files} style={style} onStyle={(next) => setView(next === "unified" ? null : next)} />
      {files.length > 1 && <Index files={files} />}
      <Virtualized>
        {files.map((file) => (
          <File key={file.key} file={file} options={options} />
        ))}
      </Virtualized>
    </section>
  );
}

function useOptions(diffStyle: Style): Options {
  const themeType = useTheme();
  return useMemo(
    () => ({
      diffStyle,
      themeType,
      theme: DIFF_THEMES,
      preferredHighlighter: "shiki-js",
      disableFileHeader: true,
      overflow: "scroll",
      hunkSeparators: "line-info",
    }),
    [diffStyle, themeType],
  );
}

/** The page scrolls, not the diff; so the page's scroller decides what of it is drawn. */
function Virtualized({ children }: { children: React.ReactNode }) {
  const place = useRef<HTMLDivElement>(null);
  const [virtualizer, setVirtualizer] = useState<Virtualizer>();
  useEffect(() => {
    const scroller = place.current?.closest<HTMLElement>("[data-scroller]");
    const made = new Virtualizer();
    made.setup(scroller ?? document);
    setVirtualizer(made);
    return () => made.cleanUp();
  }, []);
  return (
    <div ref={place} className="flex flex-col gap-4 p-4">
      {virtualizer && (
        <WorkerPoolContextProvider poolOptions={POOL} highlighterOptions={HIGHLIGHTER}>
          <VirtualizerContext.Provider value={virtualizer}>{children}</VirtualizerContext.Provider>
        </WorkerPoolContextProvider>
      )}
    </div>
  );
}

interface ToolbarProps {
  files: FileChange[];
  style: Style;
  onStyle: (style: Style) => void;
}

function Toolbar({ files, style, onStyle }: ToolbarProps) {
  const { added, removed } = total(files);
  return (
    <div className="sticky top-0 z-10 flex h-11 items-center gap-3 border-line border-b bg-canvas px-4">
      <span className="text-ink-soft" data-testid="diff-summary">
        {files.length} {files.length === 1 ? "file" : "files"} changed
      </span>
      <Counts added={added} removed={removed} />
      <div className="ml-auto">
        <Segments
          label="Layout of the diff"
          value={style}
          options={STYLES}
          onChange={onStyle}
          testid="diff-style"
        />
      </div>
    </div>
  );
}

function Counts({ added, removed }: { added: number; removed: number }) {
  if (added + removed === 0) return null;
  return (
    <span className="flex gap-2 font-mono text-xs tabular-nums">
      <span className="text-good">
        <span className="sr-only">lines added </span>+{added}
      </span>
      <span className="text-bad">
        <span className="sr-only">lines removed </span>−{removed}
      </span>
    </span>
  );
}

function Index({ files }: { files: FileChange[] }) {
  return (
    <ul aria-label="Changed files" className="max-h-64 overflow-y-auto border-line border-b px-2 py-1.5">
      {files.map((file) => (
        <li key={file.key}>
          <button
            type="button"
            onClick={() => goToFile(file.key)}
            className="flex w-full h-6.5 items-center gap-3 rounded-md px-2 text-left hover:bg-hover focus-visible:-outline-offset-2"
          >
            <Kind type={file.diff.type} />
            <span className="truncate font-mono text-xs">{file.diff.name}</span>
            <span className="ml-auto">
              <Counts added={file.added} removed={file.removed} />
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

const KINDS: Record<FileChange["diff"]["type"], { letter: string; word: string; tone: string }> = {
  new: { letter: "A", word: "added", tone: "text-good" },
  deleted: { letter: "D", word: "deleted", tone: "text-bad" },
  change: { letter: "M", word: "modified", tone: "text-warn" },
  "rename-pure": { letter: "R", word: "renamed", tone: "text-live" },
  "rename-changed": { letter: "R", word: "renamed and modified", tone: "text-live" },
};

function Kind({ type }: { type: FileChange["diff"]["type"] }) {
  const { letter, word, tone } = KINDS[type];
  return (
    <span className={cn("w-3 shrink-0 font-mono font-semibold text-xs", tone)} title={word}>
      <span aria-hidden="true">{letter}</span>
      <span className="sr-only">{word}</span>
    </span>
  );
}

function File({ file, options }: { file: FileChange; options: Options }) {
  const [open, setOpen] = useState(true);
  const { diff } = file;
  return (
    <article
      id={file.key}
      data-file
      data-testid="diff-file"
      aria-label={diff.name}
      className="scroll-mt-13 overflow-clip rounded-lg border border-line"
    >
      <header className={cn("sticky top-11 z-5 bg-panel", open && "border-line border-b")}>
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          className="flex h-9 w-full items-center gap-2.5 px-3 text-left focus-visible:-outline-offset-2"
        >
          <ChevronDown
            className={cn("size-3.5 shrink-0 text-ink-faint", !open && "-rotate-90")}
            aria-hidden="true"
          />
          <Kind type={diff.type} />
          <span className="truncate font-mono text-xs">
            {diff.prevName && <span className="text-ink-faint">{diff.prevName} → </span>}
            {diff.name}
          </span>
          <span className="ml-auto">
            <Counts added={file.added} removed={file.removed} />
          </span>
        </button>
      </header>
      {open && <Body file={file} options={options} />}
    </article>
  );
}

function Body({ file, options }: { file: FileChange; options: Options }) {
  if (file.diff.hunks.length === 0)
    return (
      <p className="px-4 py-3 text-ink-soft">
        No lines to show: the file is binary, empty, or only its name or mode changed.
      </p>
    );
  return <FileDiff fileDiff={file.diff} options={options} />;
}
