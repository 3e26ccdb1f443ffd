import { quotas } from "@nebuladb/platform";

/** What each plan grants to one project. A tenant names its plan in `tenant.ts`; a project may ask for less. */
export default quotas({
  standard: { cpu: 10, memory: "20Gi", storage: "100Gi", databases: 10 },
  large: { cpu: 64, memory: "128Gi", storage: "2Ti", databases: 50 },
});
