/** The mark: a branch that leaves the trunk and comes back, which is also a K. */

export function Logo({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={className} aria-hidden="true">
      <g fill="none" strokeWidth="3" strokeLinecap="round" strokeLinejoin="round" stroke="currentColor">
        <path d="M9 6.500v19" />
        <path d="M9 17c6 0 8.500-3 12-8" className="text-accent" />
        <path d="M9 17c5.500 0 9 2.500 12 6.500" />
      </g>
      <circle cx="22.300" cy="7.500" r="2.900" className="fill-accent" />
      <circle cx="22.300" cy="25" r="2.900" fill="currentColor" />
    </svg>
  );
}
