/** Opens the console at an address, signed in, as a person would. */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { createMemoryRouter, RouterProvider } from "react-router";
import { Toaster } from "sonner";
import { Gate } from "@/app/gate";
import { routes } from "@/app/routes";
import { dropToken, keepToken } from "@/lib/token";

export function open(address: string, { signedIn = true } = {}) {
  if (signedIn) keepToken("good");
  else dropToken();
  const router = createMemoryRouter(routes, { initialEntries: [address] });
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <QueryClientProvider client={queries}>
      <Gate>
        <RouterProvider router={router} />
      </Gate>
      <Toaster />
    </QueryClientProvider>,
  );
  return { router, user: userEvent.setup() };
}
