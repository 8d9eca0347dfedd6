/** The frame around every page: the way round on the left, the page on the right. */
import { GitPullRequest, Moon, Play, Plus, Sun } from "lucide-react";
import { lazy, Suspense, useEffect } from "react";
import { NavLink, Outlet, useNavigate } from "react-router";
import { useLive } from "@/api/use-live";
import { useMaySomewhere } from "@/api/use-may";
import { Button, ButtonLink } from "@/components/button";
import { Logo } from "@/components/logo";
import { LoadingRows } from "@/components/states";
import { cn } from "@/lib/cn";
import { toggleTheme, useTheme } from "@/lib/theme";
import { ConnectionPill } from "./connection-pill";
import { FirstNotice } from "./first-notice";

/** Its menu is a third of the first script again, and nobody opens it at once. */
const Who = lazy(() => import("./who"));

const PLACES = [
  { to: "/runs", label: "Runs", icon: Play },
  { to: "/pulls", label: "Pull requests", icon: GitPullRequest },
];

export function Shell() {
  useLive();
  useShortcuts(useMaySomewhere("operate"));
  return (
    <div className="flex h-full bg-sunken max-md:flex-col">
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:absolute focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-raised focus:px-3 focus:py-1.5"
      >
        Skip to the page
      </a>
      <Side />
      <div className="min-h-0 min-w-0 flex-1 overflow-hidden bg-canvas md:my-2 md:mr-2 md:rounded-xl md:border md:border-line">
        <main
          id="content"
          tabIndex={-1}
          data-scroller
          className="relative h-full overflow-y-auto outline-none"
        >
          <FirstNotice />
          <Suspense fallback={<LoadingRows label="Opening the page" />}>
            <Outlet />
          </Suspense>
        </main>
      </div>
    </div>
  );
}

const TYPING = "input, textarea, select, [contenteditable], [role=dialog], [role=alertdialog], .xterm";

/** `c` begins a task, as long as nobody types. */
function useShortcuts(mayDelegate: boolean) {
  const navigate = useNavigate();
  useEffect(() => {
    if (!mayDelegate) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "c" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof Element && event.target.closest(TYPING)) return;
      event.preventDefault();
      navigate("/runs/new");
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [navigate, mayDelegate]);
}

function Side() {
  return (
    <aside
      aria-label="Kyros"
      className="flex w-54 shrink-0 flex-col gap-1 p-3 max-md:w-full max-md:flex-row max-md:items-center max-md:border-line max-md:border-b max-md:py-2"
    >
      <NavLink to="/runs" className="mb-3 flex items-center gap-2 rounded-md px-2 py-1 max-md:mb-0">
        <Logo className="size-5.5" />
        <span className="font-semibold text-base tracking-tight max-sm:sr-only">Kyros</span>
      </NavLink>
      {useMaySomewhere("operate") && <DelegateLink />}
      <nav aria-label="Main" className="flex flex-col gap-0.5 max-md:flex-row">
        {PLACES.map((place) => (
          <Place key={place.to} {...place} />
        ))}
      </nav>
      <Foot />
    </aside>
  );
}

const DelegateLink = () => (
  <ButtonLink to="/runs/new" look="plain" className="mb-3 justify-start max-md:mb-0" aria-keyshortcuts="c">
    <Plus aria-hidden="true" /> <span className="max-sm:sr-only">Delegate</span>
    <kbd className="ml-auto rounded border border-line px-1 font-sans text-2xs text-ink-faint max-md:hidden">
      C
    </kbd>
  </ButtonLink>
);

function Place({ to, label, icon: Icon }: (typeof PLACES)[number]) {
  return (
    <NavLink
      to={to}
      className={({ isActive }) =>
        cn(
          "flex h-8 items-center gap-2 rounded-md px-2 font-medium text-ink-soft hover:bg-hover hover:text-ink",
          isActive && "bg-selected text-ink",
        )
      }
    >
      <Icon className="size-4" aria-hidden="true" />
      <span className="max-sm:sr-only">{label}</span>
    </NavLink>
  );
}

function Foot() {
  const theme = useTheme();
  const Icon = theme === "dark" ? Sun : Moon;
  return (
    <div className="mt-auto flex flex-col gap-1 max-md:mt-0 max-md:ml-auto max-md:flex-row max-md:items-center">
      <div className="flex items-center justify-between pr-1 pl-2">
        <ConnectionPill />
        <Button
          look="quiet"
          size="icon"
          onClick={toggleTheme}
          aria-label={`Use the ${theme === "dark" ? "light" : "dark"} theme`}
          data-testid="theme"
        >
          <Icon aria-hidden="true" />
        </Button>
      </div>
      <Suspense fallback={<div className="h-11.5 max-md:size-8.5" />}>
        <Who />
      </Suspense>
    </div>
  );
}
