/** Lets in who holds a token the server accepts; everybody else is asked for one, at the same address. */
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect } from "react";
import { useMe } from "@/api/use-me";
import { Logo } from "@/components/logo";
import { Trouble } from "@/components/states";
import { SignIn } from "@/features/sign-in/sign-in";
import { useStore } from "@/lib/store";
import { token } from "@/lib/token";

export function Gate({ children }: { children: ReactNode }) {
  const held = useStore(token);
  const queries = useQueryClient();
  useEffect(() => {
    if (!held) queries.clear();
  }, [held, queries]);
  return held ? <Known key={held}>{children}</Known> : <SignIn />;
}

function Known({ children }: { children: ReactNode }) {
  const me = useMe();
  if (me.isSuccess) return children;
  return (
    <main className="flex min-h-full items-center justify-center">
      {me.isPending ? (
        <div role="status" aria-label="Opening Kyros">
          <Logo className="size-9 animate-breathe" />
        </div>
      ) : (
        <Trouble error={me.error} onRetry={() => void me.refetch()} />
      )}
    </main>
  );
}
