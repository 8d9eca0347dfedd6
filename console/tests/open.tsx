/** Opens the console at an address, signed in, as a person would. */
import { QueryClient } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { createMemoryRouter, RouterProvider } from "react-router";
import { Toaster } from "sonner";
import { session } from "@/api/session";
import { Gate } from "@/app/gate";
import { routes } from "@/app/routes";

const createQueries = () => new QueryClient({ defaultOptions: { queries: { retry: false } } });

export function open(address: string, { signedIn = true as boolean | "already" } = {}) {
  if (signedIn === true) session.keepOperatorsToken("good");
  else if (!signedIn) void session.open();
  const router = createMemoryRouter(routes, { initialEntries: [address] });
  render(
    <>
      <Gate createQueries={createQueries}>
        <RouterProvider router={router} />
      </Gate>
      <Toaster />
    </>,
  );
  return { router, user: userEvent.setup() };
}
