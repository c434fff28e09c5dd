/** Reading the streams of the client. */

import type { FinalexError, Stream } from "../../clients/js/src/index.ts";
import { count } from "./rate.ts";

/** Hand every item of `stream` to `take` until it ends; `failed` is told if it ends with an error. */
export async function follow<T>(
  stream: Stream<T>,
  take: (item: T) => void,
  failed: (error: FinalexError) => void = () => undefined,
): Promise<void> {
  try {
    for await (const item of stream) {
      count();
      take(item);
    }
  } catch (error) {
    failed(error as FinalexError);
  }
}
