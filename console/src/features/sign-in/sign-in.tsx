/** Asks who is there: by name and password, or by the operator's token. */
import { useEffect, useState } from "react";
import type { Why } from "@/api/session";
import { Button } from "@/components/button";
import { Logo } from "@/components/logo";
import { cn } from "@/lib/cn";
import { PasswordForm } from "./password-form";
import { TokenForm, TokenHelp } from "./token-form";

type Way = "password" | "token";

const SENTENCES: Record<Why, string> = {
  signed_out: "You are signed out.",
  signed_out_elsewhere: "You signed out in another tab.",
  not_told:
    "You are signed out here, but the server could not be told: your session may go on there until you sign in and out again.",
  session_over:
    "Your session is over: it was not used for long, your password was changed, or it was ended elsewhere. Sign in again.",
  token_refused: "The server no longer accepts the token this browser had. Sign in again.",
};

export function SignIn({ why }: { why: Why | null }) {
  const [way, setWay] = useState<Way>(why === "token_refused" ? "token" : "password");
  useEffect(() => {
    document.title = "Sign in · Kyros";
  }, []);
  return (
    <main className="flex min-h-full items-center justify-center p-4">
      <div className="w-full max-w-sm">
        <div className="mb-6 flex items-center gap-3">
          <Logo className="size-8" />
          <div>
            <h1 className="font-semibold text-xl tracking-tight">Kyros</h1>
            <p className="text-ink-soft">The control plane for coding agents</p>
          </div>
        </div>
        <div className="rounded-xl border border-line bg-panel p-5">
          {why && <Reason why={why} />}
          {way === "password" ? <PasswordForm /> : <TokenForm />}
        </div>
        <Other way={way} onChange={setWay} />
      </div>
    </main>
  );
}

function Reason({ why }: { why: Why }) {
  const calm = why === "signed_out" || why === "signed_out_elsewhere";
  return (
    <p
      role={calm ? "status" : "alert"}
      className={cn(
        "mb-4 rounded-md px-3 py-2",
        calm ? "border border-line bg-canvas text-ink-soft" : "bg-warn-wash text-warn",
      )}
      data-testid="signed-out"
      data-why={why}
    >
      {SENTENCES[why]}
    </p>
  );
}

function Other({ way, onChange }: { way: Way; onChange: (way: Way) => void }) {
  if (way === "token")
    return (
      <div className="mt-4 px-1">
        <TokenHelp />
        <Switch onClick={() => onChange("password")} testid="use-password">
          Use a name and a password
        </Switch>
      </div>
    );
  return (
    <div className="mt-4 px-1 text-ink-soft text-xs">
      <p>Just installed, and nobody has an account yet? Come in with the token, then create one.</p>
      <Switch onClick={() => onChange("token")} testid="use-token">
        Use the operator's token
      </Switch>
    </div>
  );
}

interface SwitchProps {
  onClick: () => void;
  children: string;
  testid: string;
}

const Switch = ({ onClick, children, testid }: SwitchProps) => (
  <Button size="small" className="mt-3" onClick={onClick} data-testid={testid}>
    {children}
  </Button>
);
