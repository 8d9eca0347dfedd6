/** An address that leads nowhere, and a page that broke. */
import { Compass } from "lucide-react";
import { useRouteError } from "react-router";
import { Button, ButtonLink } from "@/components/button";
import { Page } from "@/components/page";
import { Empty, Trouble } from "@/components/states";

export function Nowhere() {
  return (
    <Page title="Nothing here">
      <Empty
        icon={Compass}
        title="This address leads nowhere"
        action={<ButtonLink to="/runs">To the runs</ButtonLink>}
      >
        The link may be old, or mistyped.
      </Empty>
    </Page>
  );
}

export function Crash() {
  const error = useRouteError();
  return (
    <main className="flex min-h-full flex-col items-center justify-center">
      <Trouble error={error} />
      <Button onClick={() => location.reload()}>Load the page anew</Button>
    </main>
  );
}
