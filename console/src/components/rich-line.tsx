/** One or two sentences in which `words between single back-ticks` are set as code. */

const CODE = /(?<!`)`([^`\n]+)`(?!`)/;

export function RichLine({ text }: { text: string }) {
  return text.split(CODE).map((part, index) =>
    index % 2 === 0 ? (
      part
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one sentence never move.
      <code key={index} className="wrap-anywhere rounded bg-hover px-1 py-px font-mono text-[0.92em]">
        {part}
      </code>
    ),
  );
}
