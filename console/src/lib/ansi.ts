/** Terminal output as plain text: colours, cursor moves and titles taken out. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out.
const SEQUENCES = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]/g;

export const plain = (output: string): string => output.replace(SEQUENCES, "").replaceAll("\r\n", "\n");
