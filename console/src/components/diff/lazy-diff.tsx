/** The diff viewer, fetched when the page has time for it, so that it is there when it is asked for. */
import { lazy, Suspense, useEffect } from "react";
import { Loading, Skeleton } from "../states";

const load = () => import("./diff");
const Diff = lazy(load);
const IDLE_MS = 400;

export function usePreloadedDiff(): void {
  useEffect(() => {
    const timer = setTimeout(() => void load().catch(() => undefined), IDLE_MS);
    return () => clearTimeout(timer);
  }, []);
}

export function LazyDiff({ patch }: { patch: string }) {
  return (
    <Suspense
      fallback={
        <Loading label="Drawing the diff">
          <Skeleton className="m-4 h-80" />
        </Loading>
      }
    >
      <Diff patch={patch} />
    </Suspense>
  );
}
