/** Which address shows which page. Pages are fetched when they are first opened. */
import { lazy } from "react";
import { createBrowserRouter, Navigate, Outlet, type RouteObject } from "react-router";
import { basePath } from "@/lib/address";
import { Crash, Nowhere } from "./dead-ends";
import { Shell } from "./shell";

const Runs = lazy(() => import("@/features/runs/runs-page"));
const Run = lazy(() => import("@/features/run/run-page"));
const Delegate = lazy(() => import("@/features/delegate/delegate-dialog"));
const FirstAdmin = lazy(() => import("@/features/first-admin/first-admin-page"));
const Pulls = lazy(() => import("@/features/pulls/pulls-page"));
const Pull = lazy(() => import("@/features/pull/pull-page"));

const RunsWithDialog = () => (
  <>
    <Runs />
    <Outlet />
  </>
);

export const routes: RouteObject[] = [
  {
    element: <Shell />,
    errorElement: <Crash />,
    children: [
      { index: true, element: <Navigate to="/runs" replace /> },
      { path: "runs", element: <RunsWithDialog />, children: [{ path: "new", element: <Delegate /> }] },
      { path: "runs/:id", element: <Run /> },
      { path: "pulls", element: <Pulls /> },
      { path: "pulls/:id", element: <Pull /> },
      { path: "first-admin", element: <FirstAdmin /> },
      { path: "*", element: <Nowhere /> },
    ],
  },
];

export const createRouter = () => createBrowserRouter(routes, { basename: basePath() || "/" });
