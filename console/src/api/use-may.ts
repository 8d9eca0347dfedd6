/** Whether the caller may do something: in a project, everywhere, or anywhere at all. */
import { may, maySomewhere, type Right } from "./rights";
import { useMe } from "./use-me";

export function useMay(right: Right, projectId?: string): boolean {
  const { data } = useMe();
  return data !== undefined && may(data, right, projectId);
}

export function useMaySomewhere(right: Right): boolean {
  const { data } = useMe();
  return data !== undefined && maySomewhere(data, right);
}
