/** Lets in whom the server knows; everybody else is asked who they are, at the same address. */
import { type QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { createQueryClient } from "@/api/query-client";
import { session } from "@/api/session";
import { useMe } from "@/api/use-me";
import { Logo } from "@/components/logo";
import { Trouble } from "@/components/states";
import { SignIn } from "@/features/sign-in/sign-in";
import { useStore } from "@/lib/store";

interface GateProps {
  children: ReactNode;
  createQueries?: () => QueryClient;
}

export function Gate({ children, createQueries = createQueryClient }: GateProps) {
  const standing = useStore(session.standing);
  if (standing.state === "out") return <SignIn key={standing.why} why={standing.why} />;
  if (standing.state === "opening") return <Opening />;
  if (standing.state === "unreachable")
    return <NotOpened error={standing.error} onRetry={() => void session.open()} />;
  return (
    <Somebody key={`${standing.kind} ${standing.name}`} createQueries={createQueries}>
      {children}
    </Somebody>
  );
}

/** What was fetched for one is never shown to another. */
function Somebody({ children, createQueries }: Required<GateProps>) {
  const [queries] = useState(createQueries);
  // A new token may come with another role.
  useEffect(
    () =>
      session.standing.subscribe(() => {
        if (session.standing.get().state === "in")
          void queries.invalidateQueries({ queryKey: ["get", "/api/auth/me"] });
      }),
    [queries],
  );
  return (
    <QueryClientProvider client={queries}>
      <Known>{children}</Known>
    </QueryClientProvider>
  );
}

function Known({ children }: { children: ReactNode }) {
  const me = useMe();
  if (me.data) return children;
  return me.isPending ? <Opening /> : <NotOpened error={me.error} onRetry={() => void me.refetch()} />;
}

const Opening = () => (
  <main className="flex min-h-full items-center justify-center">
    <div role="status" aria-label="Opening Kyros">
      <Logo className="size-9 animate-breathe" />
    </div>
  </main>
);

const NotOpened = (trouble: { error: unknown; onRetry: () => void }) => (
  <main className="flex min-h-full items-center justify-center">
    <Trouble {...trouble} />
  </main>
);
