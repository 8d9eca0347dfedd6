/** Markdown as people and agents write it; raw HTML in it is shown as text, never run. */
import ReactMarkdown from "react-markdown";
import remarkGfm from "remark-gfm";

export default function Markdown({ text }: { text: string }) {
  return (
    <div className="prose" data-testid="markdown">
      <ReactMarkdown
        remarkPlugins={[remarkGfm]}
        components={{
          a: ({ node: _, ...rest }) => <a {...rest} target="_blank" rel="noreferrer noopener" />,
          input: ({ node: _, ...rest }) => (
            <input {...rest} aria-label={rest.checked ? "Done" : "Not done"} />
          ),
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
          pre: ({ node: _, ...rest }) => <pre tabIndex={0} {...rest} />,
        }}
      >
        {text}
      </ReactMarkdown>
    </div>
  );
}
