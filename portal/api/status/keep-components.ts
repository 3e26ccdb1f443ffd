import { type Clock, makeRepeat, type Observe } from "../../../platform/core/index.ts";
import type { Pool } from "../../../platform/sql/index.ts";
import { whileHolding } from "../../../platform/store/index.ts";
import type { Components } from "./components.ts";

const usualEveryMs = 15_000;

/** Looks at the parts from time to time, and writes what changed while this portal is the one that does. */
export function keepComponents(options: {
  readonly components: Components;
  readonly sql: Pool;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly everyMs?: number;
}): { start(): void; close(): Promise<void> } {
  const { components, sql, clock, observe, everyMs = usualEveryMs } = options;
  const holding = whileHolding({ sql, observe }, "components", async ({ signal }) => {
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  });
  const looks = makeRepeat({ clock, everyMs, where: "status.components", observe }, async () => {
    const { rememberedFrom } = await components.look();
    if (rememberedFrom === null && holding.held() !== undefined) await components.flush();
  });
  return {
    start() {
      holding.start();
      looks.start();
    },
    async close() {
      await looks.close();
      await holding.close();
    },
  };
}
