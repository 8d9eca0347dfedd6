/** The whole console: what every page stands on. */
import { QueryClientProvider } from "@tanstack/react-query";
import { useState } from "react";
import { RouterProvider } from "react-router";
import { Toaster } from "sonner";
import { createQueryClient } from "@/api/query-client";
import { useTheme } from "@/lib/theme";
import { Gate } from "./gate";
import { createRouter } from "./routes";

export function App() {
  const [queries] = useState(createQueryClient);
  const [router] = useState(createRouter);
  const theme = useTheme();
  return (
    <QueryClientProvider client={queries}>
      <Gate>
        <RouterProvider router={router} />
      </Gate>
      <Toaster theme={theme} position="bottom-right" containerAriaLabel="Messages" />
    </QueryClientProvider>
  );
}
