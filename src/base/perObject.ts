/** `compute`, once for each object that does not change; what was found is forgotten with the object. */
export function perObject<K extends object, V>(compute: (object: K) => V): (object: K) => V {
  const known = new WeakMap<K, { readonly value: V }>();
  return (object) => {
    let found = known.get(object);
    if (found === undefined) known.set(object, (found = { value: compute(object) }));
    return found.value;
  };
}
