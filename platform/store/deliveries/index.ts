export { pruneDeliveries, recordDelivery } from "./deliveries.ts";
