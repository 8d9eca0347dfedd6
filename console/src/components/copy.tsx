/** A name one may want elsewhere, with a button that copies it. */
import { Check, Copy as CopyIcon } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { Button } from "./button";

export function Copyable({ text, what }: { text: string; what: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    } catch {
      toast.error("The browser does not let the page copy: select the text instead.");
    }
  };
  return (
    <span className="inline-flex min-w-0 items-center gap-0.5">
      <code className="truncate font-mono text-xs" title={text}>
        {text}
      </code>
      <Button look="quiet" size="icon" className="size-6" onClick={copy} aria-label={`Copy ${what}`}>
        {copied ? <Check aria-hidden="true" /> : <CopyIcon aria-hidden="true" />}
      </Button>
    </span>
  );
}
