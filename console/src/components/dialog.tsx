/** Dialogs: one for forms, one that asks before something cannot be taken back. */
import { AlertDialog } from "@base-ui/react/alert-dialog";
import { Dialog as Base } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { cn } from "@/lib/cn";
import { Button } from "./button";

const BACKDROP =
  "fixed inset-0 z-40 bg-backdrop transition-opacity duration-150 data-ending-style:opacity-0 data-starting-style:opacity-0";
const POPUP =
  "fixed left-1/2 z-40 w-full -translate-x-1/2 rounded-xl border border-line bg-raised shadow-pop outline-none transition-[opacity,scale] duration-150 data-ending-style:scale-98 data-ending-style:opacity-0 data-starting-style:scale-98 data-starting-style:opacity-0";

interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  description: ReactNode;
  children: ReactNode;
  testid: string;
}

export function Dialog({ open, onClose, title, description, children, testid }: DialogProps) {
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className={BACKDROP} />
        <Base.Popup
          data-testid={testid}
          className={cn(
            POPUP,
            "top-[5vh] flex max-h-[90vh] max-w-2xl flex-col max-sm:top-0 max-sm:max-h-full",
          )}
        >
          <header className="flex items-start gap-4 border-line border-b px-5 py-4">
            <div className="flex-1">
              <Base.Title className="font-semibold text-lg">{title}</Base.Title>
              <Base.Description className="mt-0.5 text-ink-soft">{description}</Base.Description>
            </div>
            <Base.Close render={<Button look="quiet" size="icon" aria-label="Close" />}>
              <X aria-hidden="true" />
            </Base.Close>
          </header>
          {children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

interface ConfirmProps {
  open: boolean;
  onClose: () => void;
  onConfirm: () => void;
  title: string;
  children: ReactNode;
  action: string;
  look: "danger" | "good";
  busy: boolean;
  testid: string;
}

export function Confirm(props: ConfirmProps) {
  return (
    <AlertDialog.Root open={props.open} onOpenChange={(next) => !next && props.onClose()}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={BACKDROP} />
        <AlertDialog.Popup data-testid={props.testid} className={cn(POPUP, "top-[20vh] max-w-md p-5")}>
          <AlertDialog.Title className="font-semibold text-lg">{props.title}</AlertDialog.Title>
          <AlertDialog.Description render={<div />} className="mt-1.5 text-ink-soft">
            {props.children}
          </AlertDialog.Description>
          <div className="mt-5 flex justify-end gap-2">
            <AlertDialog.Close render={<Button data-testid="cancel" />}>Cancel</AlertDialog.Close>
            <Button look={props.look} disabled={props.busy} onClick={props.onConfirm} data-testid="confirm">
              {props.action}
            </Button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
