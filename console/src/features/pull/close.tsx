/** Closing without merging, asked before it is done. */
import { GitPullRequestClosed } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { sentence } from "@/api/problem";
import type { Pull } from "@/api/schema";
import { useClosePull } from "@/api/use-close-pull";
import { Button } from "@/components/button";
import { Confirm } from "@/components/dialog";

export function Close({ pull }: { pull: Pull }) {
  const [asking, setAsking] = useState(false);
  const close = useClosePull();
  const go = () =>
    close.mutate(
      { params: { path: { ref: pull.id } } },
      {
        onSuccess: () => toast.success(`#${pull.number} is closed.`),
        onError: (error) => toast.error(sentence(error)),
        onSettled: () => setAsking(false),
      },
    );
  return (
    <>
      <Button onClick={() => setAsking(true)} data-testid="close">
        <GitPullRequestClosed aria-hidden="true" /> Close
      </Button>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        onConfirm={go}
        title={`Close #${pull.number} without merging?`}
        action="Close the pull request"
        look="danger"
        busy={close.isPending}
        testid="confirm-close"
      >
        Nothing of it reaches {pull.base}. The branch and its commits stay.
      </Confirm>
    </>
  );
}
