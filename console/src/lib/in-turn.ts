/** One tab after the other: work that all tabs of this browser would otherwise do at once. */

/** `waited` says that another tab was at it before us. Without locks (plain http on a network address)
 * nobody waits for anybody. */
export async function inTurn<T>(name: string, work: (waited: boolean) => Promise<T>): Promise<T> {
  const { locks } = navigator;
  if (!locks) return work(false);
  const free = await locks.request(name, { ifAvailable: true }, async (lock) =>
    lock ? { done: await work(false) } : null,
  );
  return free ? free.done : locks.request(name, () => work(true));
}
