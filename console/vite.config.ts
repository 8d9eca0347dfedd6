import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The diff viewer can load some 400 grammars and themes; these stand in for its catalogues. */
const CATALOGUES: Record<string, string> = {
  "shiki/langs": here("./src/components/diff/languages.ts"),
  "@pierre/theming/themes": here("./src/components/diff/themes.ts"),
};
/** Its other two highlighting engines, which we never ask for. */
const NEVER_USED =
  /^(@pierre\/highlights\/.*|\.\/(backends\/)?highlights(-[\w-]+)?\.js|shiki\/wasm|shiki\/engine\/oniguruma)$/;
const NOTHING = "\0never-used";
const STAND_IN = "export const themes = {}, HighlightsHighlighter = null, createOnigurumaEngine = null;";

function pruneDiffs(): Plugin {
  return {
    name: "kyros:prune-diffs",
    enforce: "pre",
    resolveId(source, importer) {
      if (!importer?.includes("@pierre")) return null;
      if (NEVER_USED.test(source)) return NOTHING;
      return CATALOGUES[source] ?? null;
    },
    load: (id) => (id === NOTHING ? STAND_IN : null),
  };
}

const server = process.env.KYROS_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  base: "./",
  plugins: [pruneDiffs(), react(), tailwindcss()],
  worker: { format: "es", plugins: () => [pruneDiffs()] },
  resolve: { alias: { "@": here("./src") } },
  optimizeDeps: { exclude: ["@pierre/diffs"] },
  build: {
    outDir: here("../src/kyros/entrypoints/static"),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    target: "es2023",
    chunkSizeWarningLimit: 900,
  },
  server: { proxy: { "/api": { target: server, changeOrigin: true } } },
  test: {
    environment: "happy-dom",
    setupFiles: ["./tests/setup.ts"],
    restoreMocks: true,
    testTimeout: 20_000,
  },
});
