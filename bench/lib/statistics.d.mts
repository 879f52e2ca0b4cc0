export function median(values: readonly number[]): number;
export function errorOfMedian(values: readonly number[]): number;
