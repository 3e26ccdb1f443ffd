import { prices } from "@nebuladb/platform";

/** The same book prices a pull request and an invoice. New prices get a new id, so that old lines can still be explained. */
export default prices({
  id: "list-1",
  currency: "USD",
  computeUnitHour: "0.08",
  storageGibMonth: "0.12",
  backupGibMonth: "0.05",
  egressGib: "0.09",
  apiMillionRequests: "0.40",
});
