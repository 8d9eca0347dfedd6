/** Where the console lives: the server may sit behind a prefix, which `<base href>` names. */

export const basePath = (): string => new URL(document.baseURI).pathname.replace(/\/$/, "");

export const apiUrl = (path: string): string => basePath() + path;
