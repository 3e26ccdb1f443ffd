import { totalmem } from "node:os";

const leastShare = 0.1;

/** Whether less than a tenth of the memory that we may use is left. Asks the system, and the control group where there is one. */
export function underPressure(): boolean {
  const constrained = process.constrainedMemory();
  const total = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return process.availableMemory() < total * leastShare;
}
