/** A Meter that counts nothing: no promise is about metrics, and counting them would be a tenth of a run. */
import type { MeterRegistry } from '#ports/meter/meter-registry.ts'

export const uncounted: MeterRegistry = {
  counter: () => ({ add: () => {} }),
  gauge: () => ({ set: () => {} }),
  histogram: () => ({ observe: () => {} }),
  render: () => '',
}
