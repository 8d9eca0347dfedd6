/** What a page shows while it has nothing to show: skeletons, emptiness, trouble. */
import { CircleAlert, Lock, type LucideIcon, RotateCw } from "lucide-react";
import type { ReactNode } from "react";
import { Problem, sentence } from "@/api/problem";
import { cn } from "@/lib/cn";
import { Button } from "./button";

export function Skeleton({ className }: { className?: string }) {
  return <div className={cn("animate-breathe rounded bg-hover", className)} />;
}

/** `label` tells those who cannot see the bars what is being fetched. */
export function Loading({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div role="status" aria-label={label} data-testid="loading">
      {children}
    </div>
  );
}

export function LoadingRows({ label, rows = 6 }: { label: string; rows?: number }) {
  return (
    <Loading label={label}>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the bars have no identity.
        <div key={row} className="flex h-15 items-center gap-4 border-line border-b px-6">
          <Skeleton className="size-4 rounded-full" />
          <div className="flex flex-1 flex-col gap-2">
            <Skeleton className="h-3 w-2/5" />
            <Skeleton className="h-2.5 w-1/4" />
          </div>
          <Skeleton className="h-2.5 w-24" />
        </div>
      ))}
    </Loading>
  );
}

interface EmptyProps {
  icon: LucideIcon;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}

export function Empty({ icon: Icon, title, children, action }: EmptyProps) {
  return (
    <div className="flex flex-col items-center gap-2 px-6 py-16 text-center" data-testid="empty">
      <div className="mb-1 flex size-11 items-center justify-center rounded-xl border border-line bg-panel text-ink-faint">
        <Icon className="size-5" aria-hidden="true" />
      </div>
      <p className="font-medium text-base text-ink">{title}</p>
      {children && <div className="max-w-md text-ink-soft">{children}</div>}
      {action && <div className="mt-2">{action}</div>}
    </div>
  );
}

export function Trouble({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const forbidden = error instanceof Problem && error.status === 403;
  const Icon = forbidden ? Lock : CircleAlert;
  return (
    <div role="alert" className="flex flex-col items-center gap-2 px-6 py-16 text-center" data-testid="error">
      <div className="mb-1 flex size-11 items-center justify-center rounded-xl bg-bad-wash text-bad">
        <Icon className="size-5" aria-hidden="true" />
      </div>
      <p className="font-medium text-base">
        {forbidden ? "You may not see this" : "This could not be loaded"}
      </p>
      <p className="max-w-lg text-ink-soft">{sentence(error)}</p>
      {onRetry && (
        <Button className="mt-2" onClick={onRetry} data-testid="try-again">
          <RotateCw aria-hidden="true" /> Try again
        </Button>
      )}
    </div>
  );
}
