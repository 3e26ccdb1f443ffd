export { type DriftCandidate, listDriftCandidates } from "./candidates.ts";
export {
  countDrift,
  type DriftCheck,
  type DriftEffect,
  type DriftFilter,
  type DriftFinding,
  driftEffects,
  getDriftCheck,
  listDriftFindings,
} from "./findings.ts";
export { enqueueHeal, type HealRequest } from "./heal.ts";
export { countOrphans, listOrphans, type Orphan, type OrphanRow, recordOrphans } from "./orphans.ts";
export { type Look, pruneDrift, type Recorded, recordLooks } from "./record-looks.ts";
