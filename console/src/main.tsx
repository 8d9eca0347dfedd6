/** Starts the console. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { session, takeTokenFromAddress } from "./api/session";
import { App } from "./app/app";
import "./styles.css";

const RELOADED = "kyros.reloaded";

// A new version was installed while this page was open: its old chunks are gone, the new page is a reload away.
addEventListener("vite:preloadError", (event) => {
  if (sessionStorage.getItem(RELOADED)) return;
  sessionStorage.setItem(RELOADED, "yes");
  event.preventDefault();
  location.reload();
});

takeTokenFromAddress();
void session.open();
addEventListener("hashchange", takeTokenFromAddress);

const root = document.getElementById("root");
if (!root) throw new Error("The page has no #root.");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
