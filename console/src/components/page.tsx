/** The frame of every page: crumbs, a title, facts under it, actions beside it. */
import { ChevronRight } from "lucide-react";
import { Fragment, type ReactNode, useEffect } from "react";
import { Link } from "react-router";

export interface Crumb {
  label: string;
  to?: string;
}

interface PageProps {
  title: string;
  /** What the browser's tab says, when the heading is not enough. */
  tabTitle?: string;
  crumbs?: Crumb[];
  badge?: ReactNode;
  facts?: ReactNode;
  actions?: ReactNode;
  toolbar?: ReactNode;
  children: ReactNode;
}

export function Page({ title, tabTitle, crumbs, badge, facts, actions, toolbar, children }: PageProps) {
  useEffect(() => {
    document.title = `${tabTitle ?? title} · Kyros`;
  }, [title, tabTitle]);
  return (
    <div className="flex min-h-full flex-col">
      <header className="flex flex-col gap-2 border-line border-b px-6 pt-4 pb-3.5 max-sm:px-4">
        {crumbs && <Crumbs crumbs={crumbs} />}
        <div className="flex flex-wrap items-start gap-x-3 gap-y-2">
          <div className="flex min-w-0 flex-1 basis-80 flex-wrap items-center gap-x-3 gap-y-1.5">
            <h1 className="wrap-anywhere font-semibold text-xl tracking-tight">{title}</h1>
            {badge}
          </div>
          {actions && <div className="flex shrink-0 flex-wrap items-center gap-2">{actions}</div>}
        </div>
        {facts}
        {toolbar && <div className="flex flex-wrap items-center gap-2 pt-1">{toolbar}</div>}
      </header>
      {children}
    </div>
  );
}

function Crumbs({ crumbs }: { crumbs: Crumb[] }) {
  return (
    <nav aria-label="Breadcrumbs" className="flex items-center gap-1 text-ink-faint text-xs">
      {crumbs.map((crumb, index) => (
        <Fragment key={crumb.label}>
          {index > 0 && <ChevronRight className="size-3" aria-hidden="true" />}
          {crumb.to ? (
            <Link to={crumb.to} className="rounded hover:text-ink">
              {crumb.label}
            </Link>
          ) : (
            <span>{crumb.label}</span>
          )}
        </Fragment>
      ))}
    </nav>
  );
}

/** A row of small facts about what the page shows. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className="flex flex-wrap items-center gap-x-5 gap-y-1.5 text-ink-soft text-xs">{children}</dl>;
}

export function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="flex min-w-0 items-center gap-1.5">
      <dt className="text-ink-faint">{label}</dt>
      <dd className="flex min-w-0 items-center gap-1 text-ink">{children}</dd>
    </div>
  );
}
