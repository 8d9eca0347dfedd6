/** The two themes that diffs are drawn in, of high contrast. The build puts this in place of a catalogue of 60. */

const LOADERS: Record<string, () => Promise<unknown>> = {
  "github-dark-high-contrast": () => import("@shikijs/themes/github-dark-high-contrast"),
  "github-light-high-contrast": () => import("@shikijs/themes/github-light-high-contrast"),
};

export const DIFF_THEMES = { dark: "github-dark-high-contrast", light: "github-light-high-contrast" };

export const themes = {
  getTheme(name: string) {
    const load = LOADERS[name];
    return load ? { name, load } : undefined;
  },
};
