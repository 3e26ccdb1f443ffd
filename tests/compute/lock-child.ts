/** Holds a lock until it is killed: `node lock-child.ts <name>`. */
import { withLock } from "../../platform/compute/index.ts";

await withLock(process.argv[2] ?? "", async () => {
  process.stdout.write("held\n");
  await new Promise((resolve) => setTimeout(resolve, 60_000));
});
