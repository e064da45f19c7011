// A neighbour that burns one core until it is killed.
process.on('disconnect', () => process.exit(0));
process.send?.({ burning: true });
function burn(): void {
  const end = performance.now() + 50;
  let x = 1;
  while (performance.now() < end) x = Math.sqrt(x + 1);
  // Between two spans it looks whether its parent is still there.
  setImmediate(burn);
}
burn();
