/** A unified diff as files with counts, each with a grammar we have or none. */
import {
  type FileDiffMetadata,
  getFiletypeFromFileName,
  parsePatchFiles,
  setLanguageOverride,
} from "@pierre/diffs";
import { bundledLanguages } from "./languages";

export interface FileChange {
  key: string;
  diff: FileDiffMetadata;
  added: number;
  removed: number;
}

function change(diff: FileDiffMetadata, key: string): FileChange {
  const known = getFiletypeFromFileName(diff.name) in bundledLanguages;
  return {
    key,
    diff: known ? diff : setLanguageOverride(diff, "text"),
    added: diff.hunks.reduce((sum, hunk) => sum + hunk.additionLines, 0),
    removed: diff.hunks.reduce((sum, hunk) => sum + hunk.deletionLines, 0),
  };
}

export function parse(patch: string): FileChange[] {
  const files = parsePatchFiles(patch).flatMap((parsed) => parsed.files);
  return files.map((diff, index) => change(diff, `file-${index}`));
}

export const total = (files: readonly FileChange[]): { added: number; removed: number } => ({
  added: files.reduce((sum, file) => sum + file.added, 0),
  removed: files.reduce((sum, file) => sum + file.removed, 0),
});
