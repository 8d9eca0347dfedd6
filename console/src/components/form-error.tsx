/** Why a form was refused; it stands there empty before, so that screen readers tell what comes into it. */

export function FormError({ children, testid }: { children: string; testid: string }) {
  return (
    <p role="alert" className="wrap-anywhere text-bad text-xs empty:hidden" data-testid={testid}>
      {children}
    </p>
  );
}
