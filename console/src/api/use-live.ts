/** Keeps what is on screen true: events make the answers they name old, a gap makes all of them old. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { type Event, followEvents } from "./events";
import { refresh, refreshNamed } from "./refresh";

const GATHER_MS = 200;
const IDS = ["run_id", "pull_id", "task_id"];

export function useLive(): void {
  const queries = useQueryClient();
  useEffect(() => {
    const life = new AbortController();
    const named = new Set<string>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      void refreshNamed(queries, new Set(named));
      named.clear();
    };
    const onEvent = (event: Event) => {
      for (const id of [event.target, ...IDS.map((key) => event.details[key])])
        if (typeof id === "string") named.add(id);
      timer ??= setTimeout(flush, GATHER_MS);
    };
    followEvents({ onEvent, onReset: () => void refresh(queries) }, life.signal);
    return () => {
      clearTimeout(timer);
      life.abort();
    };
  }, [queries]);
}
