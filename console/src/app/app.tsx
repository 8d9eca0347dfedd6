/** The whole console: what every page stands on. */
import { useState } from "react";
import { RouterProvider } from "react-router";
import { Toaster } from "sonner";
import { useTheme } from "@/lib/theme";
import { Gate } from "./gate";
import { createRouter } from "./routes";

export function App() {
  const [router] = useState(createRouter);
  const theme = useTheme();
  return (
    <>
      <Gate>
        <RouterProvider router={router} />
      </Gate>
      <Toaster theme={theme} position="bottom-right" containerAriaLabel="Messages" />
    </>
  );
}
