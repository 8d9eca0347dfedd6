/** The console's buttons, and links that look like them. */
import { cva, type VariantProps } from "class-variance-authority";
import type { ComponentProps } from "react";
import { Link, type LinkProps } from "react-router";
import { cn } from "@/lib/cn";

const buttonStyle = cva(
  "inline-flex select-none items-center justify-center gap-1.5 whitespace-nowrap rounded-md border font-medium transition-colors disabled:opacity-50 [&_svg]:size-3.5 [&_svg]:shrink-0",
  {
    variants: {
      look: {
        plain: "border-line-strong bg-raised text-ink enabled:hover:bg-hover [a&]:hover:bg-hover",
        primary:
          "border-transparent bg-accent-fill text-on-accent enabled:hover:bg-accent-fill-hover [a&]:hover:bg-accent-fill-hover",
        good: "border-transparent bg-good-fill text-on-accent enabled:hover:bg-good-fill-hover",
        danger: "border-transparent bg-bad-fill text-on-accent enabled:hover:bg-bad-fill-hover",
        quiet:
          "border-transparent text-ink-soft enabled:hover:bg-hover enabled:hover:text-ink [a&]:hover:bg-hover",
      },
      size: { small: "h-7 px-2.5 text-xs", normal: "h-8 px-3 text-sm", icon: "size-7" },
    },
    defaultVariants: { look: "plain", size: "normal" },
  },
);

type Style = VariantProps<typeof buttonStyle>;

export function Button({
  look,
  size,
  className,
  type = "button",
  ...rest
}: ComponentProps<"button"> & Style) {
  return <button type={type} className={cn(buttonStyle({ look, size }), className)} {...rest} />;
}

export function ButtonLink({ look, size, className, ...rest }: LinkProps & Style) {
  return <Link className={cn(buttonStyle({ look, size }), className)} {...rest} />;
}
