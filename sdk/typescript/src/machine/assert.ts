/** What cannot be otherwise. @module */

/**
 * Sees to it that what cannot be otherwise is so.
 *
 * @param why - The reason why it cannot.
 * @throws Error - It is otherwise: there is a fault in the client.
 */
export function assert(holds: boolean, why: string): asserts holds {
  if (!holds) throw new Error(why);
}
