/** Binds a run's live bytes to a screen on the page. */
import { useCallback, useEffect, useRef, useState } from "react";
import { followTranscript } from "@/api/follow-transcript";
import type { StreamState } from "@/lib/sse";
import { useTheme } from "@/lib/theme";
import { fontReady, Screen } from "./screen";

export function useTranscript(runId: string) {
  const theme = useTheme();
  const frame = useRef<HTMLDivElement>(null);
  const screen = useRef<Screen | null>(null);
  const [state, setState] = useState<StreamState>("connecting");
  const [empty, setEmpty] = useState(true);
  const [behind, setBehind] = useState(false);

  useEffect(() => {
    const life = new AbortController();
    void fontReady().finally(() => {
      if (life.signal.aborted || !frame.current) return;
      const shown = new Screen(frame.current, setBehind);
      screen.current = shown;
      const onOutput = (bytes: Uint8Array) => {
        setEmpty(false);
        shown.write(bytes);
      };
      const onSize = (columns: number, rows: number) => shown.resize(columns, rows);
      void followTranscript(runId, { onOutput, onSize, onState: setState }, life.signal);
    });
    return () => {
      life.abort();
      screen.current?.dispose();
      screen.current = null;
    };
  }, [runId]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme is what changed the tokens.
  useEffect(() => screen.current?.repaint(), [theme]);

  const find = useCallback((text: string) => screen.current?.find(text) ?? true, []);
  const toEnd = useCallback(() => screen.current?.toEnd(), []);
  return { frame, state, empty, behind, find, toEnd };
}
