package importer

import (
	"fmt"
	"strings"

	"github.com/ildc/ildc/graph"
)

// sorted brings nodes into an order in which each follows those that it reads from; nodes that are in order stay where
// they are. It fails with the names of a cycle.
func sorted(nodes []*graph.Node) ([]*graph.Node, error) {
	const (
		waiting = 1 + iota // on the path
		done
	)
	type step struct {
		node  *graph.Node
		reads []*graph.Value // that are still to be looked at
	}
	state := make(map[*graph.Node]int, len(nodes))
	order := make([]*graph.Node, 0, len(nodes))
	for _, n := range nodes {
		if state[n] == done {
			continue
		}
		state[n] = waiting
		for path := []step{{n, n.Reads()}}; len(path) > 0; {
			top := &path[len(path)-1]
			if len(top.reads) == 0 {
				state[top.node] = done
				order = append(order, top.node)
				path = path[:len(path)-1]
				continue
			}
			p := top.reads[0].Producer
			top.reads = top.reads[1:]
			switch {
			case p == nil || state[p] == done:
			case state[p] == waiting:
				first := len(path) - 1
				for path[first].node != p {
					first--
				}
				cycle := make([]*graph.Node, 0, len(path)-first)
				for _, s := range path[first:] {
					cycle = append(cycle, s.node)
				}
				return nil, cycleError(cycle)
			default:
				state[p] = waiting
				path = append(path, step{p, p.Reads()})
			}
		}
	}
	return order, nil
}

// cycleError names the nodes of a cycle, of a long one the first. Each reads from the next, and the last from the
// first.
func cycleError(cycle []*graph.Node) error {
	const most = 10
	var names []string
	for i, n := range cycle {
		if i == most {
			names = append(names, fmt.Sprintf("… %d more", len(cycle)-most))
			break
		}
		name := n.Name
		if name == "" && len(n.Outputs) > 0 && n.Outputs[0] != nil {
			name = n.Outputs[0].Name
		}
		names = append(names, fmt.Sprintf("%q (%s)", name, n.OpName()))
	}
	return fmt.Errorf("the nodes %s form a cycle: each reads from the next, and the last from the first",
		strings.Join(names, ", "))
}
