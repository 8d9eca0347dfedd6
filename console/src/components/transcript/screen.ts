/** One xterm that shows what an agent's terminal showed, cell for cell, and takes no input. */
import { SearchAddon } from "@xterm/addon-search";
import { Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { palette } from "./palette";

const FONT = '"JetBrains Mono Variable", ui-monospace, monospace';
/** Width of a cell of the font, in parts of its size. */
const CELL = 0.6;
const SMALLEST = 9.5;
const LARGEST = 13;
const PADDING = 36;

export class Screen {
  private readonly terminal: Terminal;
  private readonly search = new SearchAddon();
  private readonly watcher: ResizeObserver;

  constructor(
    private readonly frame: HTMLElement,
    private readonly onBehind: (behind: boolean) => void,
  ) {
    this.terminal = new Terminal({
      cols: 120,
      rows: 40,
      disableStdin: true,
      cursorBlink: false,
      scrollback: 50_000,
      fontFamily: FONT,
      fontSize: 12,
      lineHeight: 1.25,
      minimumContrastRatio: 4.5,
      theme: palette(),
    });
    this.terminal.loadAddon(this.search);
    this.terminal.open(frame);
    this.terminal.textarea?.setAttribute("aria-label", "Transcript of the agent's terminal, read only");
    this.terminal.onScroll(() => this.report());
    this.terminal.onWriteParsed(() => this.report());
    this.watcher = new ResizeObserver(() => this.fit());
    this.watcher.observe(frame);
    this.fit();
  }

  write(bytes: Uint8Array): void {
    this.terminal.write(bytes);
  }

  resize(columns: number, rows: number): void {
    this.terminal.resize(columns, rows);
    this.fit();
  }

  repaint(): void {
    this.terminal.options.theme = palette();
  }

  find(text: string): boolean {
    return text === "" ? this.forget() : this.search.findNext(text);
  }

  toEnd(): void {
    this.terminal.scrollToBottom();
    this.report();
  }

  dispose(): void {
    this.watcher.disconnect();
    this.terminal.dispose();
  }

  private forget(): boolean {
    this.terminal.clearSelection();
    return true;
  }

  private report(): void {
    const { viewportY, baseY } = this.terminal.buffer.active;
    this.onBehind(viewportY < baseY);
  }

  /** The program drew for a fixed number of columns, so the letters give way, not the columns. */
  private fit(): void {
    const size = (this.frame.clientWidth - PADDING) / (this.terminal.cols * CELL);
    const rounded = Math.round(Math.min(LARGEST, Math.max(SMALLEST, size)) * 4) / 4;
    if (rounded !== this.terminal.options.fontSize) this.terminal.options.fontSize = rounded;
  }
}

/** Cells are measured when the terminal opens; a font that arrives later would leave every one of them wrong. */
export const fontReady = (): Promise<unknown> =>
  Promise.all([document.fonts.load(`12px ${FONT}`), document.fonts.load(`bold 12px ${FONT}`)]);
