/** The rest of a list, on request. */
import { Button } from "./button";

interface MoreProps {
  hasMore: boolean;
  loading: boolean;
  onMore: () => void;
}

export function More({ hasMore, loading, onMore }: MoreProps) {
  if (!hasMore) return null;
  return (
    <div className="flex justify-center py-4">
      <Button onClick={onMore} disabled={loading} data-testid="load-more">
        {loading ? "Loading…" : "Show older"}
      </Button>
    </div>
  );
}
