/** Who is signed in, and what they can do about it: another password, signing out. */
import { Menu } from "@base-ui/react/menu";
import { ChevronsUpDown, KeyRound, LogOut, type LucideIcon } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import type { Me, Role } from "@/api/rights";
import { session } from "@/api/session";
import { useMe } from "@/api/use-me";

const ChangePassword = lazy(() => import("@/features/password/change-password"));

const ROLES: Record<Role, string> = {
  admin: "Admin",
  operator: "Operator",
  reviewer: "Reviewer",
  viewer: "Viewer",
  agent: "Agent",
};

function standingOf({ kind, role, projects }: Me): string {
  if (kind === "owner") return "Operator's token";
  if (role) return ROLES[role];
  const count = Object.keys(projects).length;
  return count === 0 ? "No role yet" : `Member of ${count} ${count === 1 ? "project" : "projects"}`;
}

export default function Who() {
  const me = useMe().data;
  const [changing, setChanging] = useState(false);
  if (!me) return null;
  const name = me.display_name || me.name;
  const standing = standingOf(me);
  return (
    <>
      <Menu.Root>
        <Menu.Trigger
          data-testid="who"
          aria-label={`Signed in as ${name}, ${standing}`}
          className="flex w-full min-w-0 items-center gap-2 rounded-md px-2 py-1.5 text-left hover:bg-hover data-popup-open:bg-selected max-md:w-auto max-md:p-1"
        >
          <span
            aria-hidden="true"
            className="flex size-6.5 shrink-0 items-center justify-center rounded-full bg-accent-wash font-semibold text-accent text-xs uppercase"
          >
            {[...name][0]}
          </span>
          <span className="min-w-0 flex-1 max-md:hidden">
            <span className="block truncate font-medium text-xs leading-4" data-testid="me" title={me.name}>
              {name}
            </span>
            <span className="block truncate text-2xs text-ink-soft" data-testid="my-role">
              {standing}
            </span>
          </span>
          <ChevronsUpDown className="size-3.5 shrink-0 text-ink-faint max-md:hidden" aria-hidden="true" />
        </Menu.Trigger>
        <Menu.Portal>
          <Menu.Positioner side="top" align="start" sideOffset={6} className="z-50 outline-none">
            <Menu.Popup className="min-w-48 rounded-lg border border-line bg-raised p-1 shadow-pop outline-none">
              <p className="border-line border-b px-2 pt-1 pb-1.5 text-ink-soft text-xs">
                <span className="block truncate font-medium text-ink">{name}</span>
                {standing}
              </p>
              <div className="pt-1">
                {me.kind === "person" && (
                  <Item icon={KeyRound} onClick={() => setChanging(true)} testid="change-password">
                    Change password
                  </Item>
                )}
                <Item icon={LogOut} onClick={() => void session.signOut()} testid="sign-out">
                  Sign out
                </Item>
              </div>
            </Menu.Popup>
          </Menu.Positioner>
        </Menu.Portal>
      </Menu.Root>
      {changing && (
        <Suspense fallback={null}>
          <ChangePassword name={me.name} onClose={() => setChanging(false)} />
        </Suspense>
      )}
    </>
  );
}

interface ItemProps {
  icon: LucideIcon;
  onClick: () => void;
  children: string;
  testid: string;
}

const Item = ({ icon: Icon, onClick, children, testid }: ItemProps) => (
  <Menu.Item
    onClick={onClick}
    data-testid={testid}
    className="flex h-8 cursor-pointer items-center gap-2 rounded-md px-2 text-sm outline-none data-highlighted:bg-hover"
  >
    <Icon className="size-3.5 text-ink-soft" aria-hidden="true" /> {children}
  </Menu.Item>
);
