/** While nobody has an account: says so calmly, once, to whoever came in with the operator's token. */
import { UserPlus, X } from "lucide-react";
import { useState } from "react";
import { useLocation } from "react-router";
import { useMe } from "@/api/use-me";
import { Button, ButtonLink } from "@/components/button";
import { recall, remember } from "@/lib/storage";

const LATER = "first-admin-later";

export function FirstNotice() {
  const me = useMe().data;
  const { pathname } = useLocation();
  const [later, setLater] = useState(recall(LATER) !== null);
  if (!me || me.people_exist || later || pathname === "/first-admin") return null;
  const dismiss = () => {
    remember(LATER, "yes");
    setLater(true);
  };
  return (
    <section
      aria-label="First steps"
      data-testid="first-notice"
      className="flex flex-wrap items-center gap-x-3 gap-y-2 border-line border-b bg-accent-wash px-6 py-2.5 max-sm:px-4"
    >
      <UserPlus className="size-4 shrink-0 text-accent" aria-hidden="true" />
      <p className="min-w-0 flex-1 basis-72 text-ink">
        Nobody has an account yet. With one, what you do is recorded under your name, and you can let in
        others.
      </p>
      <ButtonLink to="/first-admin" size="small" data-testid="first-admin-link">
        Create the first admin
      </ButtonLink>
      <Button look="quiet" size="icon" onClick={dismiss} aria-label="Not now" title="Not now">
        <X aria-hidden="true" />
      </Button>
    </section>
  );
}
