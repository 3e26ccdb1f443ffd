import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Gives back to the system, once, what starting took: modules are read, compiled and linked with twice the heap that serving needs, and
 * V8 keeps it for as long as nobody asks. The process stands still for it, so it happens when a start is over and before there is much
 * to do.
 */
export function returnMemoryOfStart(afterMs = 2_000): void {
  setTimeout(() => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as NodeJS.GCFunction;
    setFlagsFromString("--no-expose-gc");
    collect({ type: "major", execution: "sync", flavor: "last-resort" });
  }, afterMs).unref();
}
