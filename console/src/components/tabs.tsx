/** Tabs whose choice lives in the address, so that a link leads to the same view. */
import { Tabs as Base } from "@base-ui/react/tabs";
import type { ReactNode } from "react";
import { useQueryParam } from "./use-query-param";

export interface Tab {
  value: string;
  label: string;
  /** A small figure or mark after the label. */
  mark?: ReactNode;
  content: ReactNode;
}

export function Tabs({ tabs, label }: { tabs: Tab[]; label: string }) {
  const [wanted, choose] = useQueryParam("tab");
  const first = tabs[0]?.value ?? "";
  const value = tabs.some((tab) => tab.value === wanted) ? wanted : first;
  return (
    <Base.Root
      value={value}
      onValueChange={(next: string) => choose(next === first ? null : next)}
      className="flex min-w-0 flex-1 flex-col"
    >
      <Base.List aria-label={label} className="relative flex gap-1 border-line border-b px-4">
        {tabs.map((tab) => (
          <Base.Tab
            key={tab.value}
            value={tab.value}
            data-testid={`tab-${tab.value}`}
            className="flex h-10 items-center gap-1.5 rounded-md px-2.5 font-medium text-ink-soft hover:text-ink focus-visible:-outline-offset-2 data-active:text-ink"
          >
            {tab.label}
            {tab.mark}
          </Base.Tab>
        ))}
        <Base.Indicator className="absolute bottom-0 left-0 h-0.5 w-(--active-tab-width) translate-x-(--active-tab-left) rounded-full bg-accent transition-[translate,width] duration-150" />
      </Base.List>
      {tabs.map((tab) => (
        <Base.Panel
          key={tab.value}
          value={tab.value}
          className="min-w-0 flex-1 focus-visible:-outline-offset-2"
        >
          {tab.content}
        </Base.Panel>
      ))}
    </Base.Root>
  );
}

export function TabCount({ children }: { children: ReactNode }) {
  return (
    <span className="rounded-full bg-hover px-1.5 font-normal text-2xs text-ink-soft tabular-nums">
      {children}
    </span>
  );
}
