/** After a refusal the first field it is about has the focus, so that nobody has to look for it. */
import { useEffect, useRef } from "react";

export function useFocusOnFault(faults: object) {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (Object.keys(faults).length > 0)
      form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [faults]);
  return form;
}
