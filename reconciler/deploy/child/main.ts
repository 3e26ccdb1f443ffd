/** Entry of a worker process. Loads everything heavy before the first job, and dies with its parent. */
import { loadLightSdk } from "./light-sdk.ts";

loadLightSdk();
process.once("disconnect", () => process.kill(-process.pid, "SIGKILL"));
process.on("SIGTERM", () => undefined); // the parent decides: it interrupts by message and kills the group
process.on("SIGINT", () => undefined);
const { serveWorker } = await import("./worker.ts");
serveWorker();
