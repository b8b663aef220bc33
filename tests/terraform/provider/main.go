// A Terraform provider that knows Google's schema and nothing else: it validates and plans, and refuses to apply.
//
// It serves the schema.json that lies beside its executable (schema.py makes it), so that `validate`, `plan
// -refresh=false` and `test` run offline. Of what the real provider checks, only the schema and documented values are.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

const address = "registry.terraform.io/hashicorp/google"

type attribute struct {
	Type                         json.RawMessage
	Required, Optional, Computed bool
	Enum                         []string
}

type nested struct {
	Nesting  string `json:"nesting_mode"`
	Block    block
	MinItems int64 `json:"min_items"`
	MaxItems int64 `json:"max_items"`
}

type block struct {
	Attributes map[string]attribute
	Blocks     map[string]nested `json:"block_types"`
}

type top struct{ Block block }

type document struct {
	Provider  top
	Resources map[string]top `json:"resource_schemas"`
	Sources   map[string]top `json:"data_source_schemas"`
}

type server struct {
	tfprotov6.ProviderServer // what is not below is never called by validate, plan and test
	document                 document
	provider                 *tfprotov6.Schema
	resources, sources       map[string]*tfprotov6.Schema
}

var nestings = map[string]tfprotov6.SchemaNestedBlockNestingMode{
	"list":   tfprotov6.SchemaNestedBlockNestingModeList,
	"set":    tfprotov6.SchemaNestedBlockNestingModeSet,
	"single": tfprotov6.SchemaNestedBlockNestingModeSingle,
}

func schemaOf(t top) *tfprotov6.Schema { return &tfprotov6.Schema{Block: blockOf(t.Block)} }

func blockOf(b block) *tfprotov6.SchemaBlock {
	made := &tfprotov6.SchemaBlock{}
	for name, a := range b.Attributes {
		kind, err := tftypes.ParseJSONType(a.Type)
		if err != nil {
			log.Fatalf("%s: %v", name, err)
		}
		made.Attributes = append(made.Attributes, &tfprotov6.SchemaAttribute{
			Name: name, Type: kind, Required: a.Required, Optional: a.Optional, Computed: a.Computed,
		})
	}
	for name, n := range b.Blocks {
		made.BlockTypes = append(made.BlockTypes, &tfprotov6.SchemaNestedBlock{
			TypeName: name, Nesting: nestings[n.Nesting], MinItems: n.MinItems, MaxItems: n.MaxItems, Block: blockOf(n.Block),
		})
	}
	sort.Slice(made.Attributes, func(i, j int) bool { return made.Attributes[i].Name < made.Attributes[j].Name })
	sort.Slice(made.BlockTypes, func(i, j int) bool { return made.BlockTypes[i].TypeName < made.BlockTypes[j].TypeName })
	return made
}

func (s *server) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	return &tfprotov6.GetMetadataResponse{
		ServerCapabilities: &tfprotov6.ServerCapabilities{GetProviderSchemaOptional: true},
	}, nil
}

func (s *server) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	return &tfprotov6.GetProviderSchemaResponse{
		Provider: s.provider, ResourceSchemas: s.resources, DataSourceSchemas: s.sources,
	}, nil
}

func (s *server) GetResourceIdentitySchemas(context.Context, *tfprotov6.GetResourceIdentitySchemasRequest) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (s *server) ValidateProviderConfig(_ context.Context, asked *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: asked.Config}, nil
}

func (s *server) ConfigureProvider(context.Context, *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	return &tfprotov6.ConfigureProviderResponse{}, nil
}

func (s *server) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

func (s *server) ValidateResourceConfig(_ context.Context, asked *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	given, err := asked.Config.Unmarshal(s.resources[asked.TypeName].ValueType())
	if err != nil {
		return nil, err
	}
	found := &tfprotov6.ValidateResourceConfigResponse{}
	check(s.document.Resources[asked.TypeName].Block, given, tftypes.NewAttributePath(), &found.Diagnostics)
	return found, nil
}

func (s *server) ValidateDataResourceConfig(_ context.Context, asked *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	given, err := asked.Config.Unmarshal(s.sources[asked.TypeName].ValueType())
	if err != nil {
		return nil, err
	}
	found := &tfprotov6.ValidateDataResourceConfigResponse{}
	check(s.document.Sources[asked.TypeName].Block, given, tftypes.NewAttributePath(), &found.Diagnostics)
	return found, nil
}

// check finds attributes that only Google sets, and values that are not among the documented ones.
func check(b block, given tftypes.Value, path *tftypes.AttributePath, found *[]*tfprotov6.Diagnostic) {
	values := map[string]tftypes.Value{}
	if given.IsNull() || !given.IsKnown() || given.As(&values) != nil {
		return
	}
	for name, a := range b.Attributes {
		value, text := values[name], ""
		if value.IsNull() || !value.IsKnown() {
			continue
		}
		summary := ""
		if a.Computed && !a.Optional && !a.Required {
			summary = "Value for unconfigurable attribute"
		} else if len(a.Enum) > 0 && value.As(&text) == nil && !slices.Contains(a.Enum, text) {
			summary = fmt.Sprintf("expected one of %v, got %q", a.Enum, text)
		}
		if summary != "" {
			*found = append(*found, &tfprotov6.Diagnostic{
				Severity: tfprotov6.DiagnosticSeverityError, Summary: summary, Detail: name, Attribute: path.WithAttributeName(name),
			})
		}
	}
	for name, n := range b.Blocks {
		for i, each := range elements(values[name], n.Nesting) {
			check(n.Block, each, step(path.WithAttributeName(name), n.Nesting, i, each), found)
		}
	}
}

func elements(value tftypes.Value, nesting string) []tftypes.Value {
	var several []tftypes.Value
	if value.IsNull() || !value.IsKnown() {
		return nil
	}
	if nesting == "single" {
		return []tftypes.Value{value}
	}
	if value.As(&several) != nil {
		return nil
	}
	return several
}

func step(path *tftypes.AttributePath, nesting string, i int, value tftypes.Value) *tftypes.AttributePath {
	switch nesting {
	case "list":
		return path.WithElementKeyInt(i)
	case "set":
		return path.WithElementKeyValue(value)
	}
	return path
}

func (s *server) ReadResource(_ context.Context, asked *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return &tfprotov6.ReadResourceResponse{NewState: asked.CurrentState}, nil
}

// ReadDataSource answers a null attribute with one that stands for it, since a data source is read while it is planned.
func (s *server) ReadDataSource(_ context.Context, asked *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	state, err := filled(s.sources[asked.TypeName], asked.Config, func(a *tfprotov6.SchemaAttribute) tftypes.Value {
		if a.Type.Is(tftypes.String) {
			return tftypes.NewValue(tftypes.String, a.Name+"-of-"+asked.TypeName)
		}
		return tftypes.NewValue(a.Type, nil)
	})
	return &tfprotov6.ReadDataSourceResponse{State: state}, err
}

func (s *server) PlanResourceChange(_ context.Context, asked *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	planned, err := filled(s.resources[asked.TypeName], asked.ProposedNewState, func(a *tfprotov6.SchemaAttribute) tftypes.Value {
		return tftypes.NewValue(a.Type, tftypes.UnknownValue)
	})
	return &tfprotov6.PlanResourceChangeResponse{PlannedState: planned}, err
}

// filled returns a state whose null attributes that Google computes are what “instead“ says.
func filled(schema *tfprotov6.Schema, state *tfprotov6.DynamicValue, instead func(*tfprotov6.SchemaAttribute) tftypes.Value) (*tfprotov6.DynamicValue, error) {
	kind := schema.ValueType()
	value, err := state.Unmarshal(kind)
	if err != nil || value.IsNull() {
		return state, err
	}
	values := map[string]tftypes.Value{}
	if err := value.As(&values); err != nil {
		return nil, err
	}
	for _, a := range schema.Block.Attributes {
		if a.Computed && values[a.Name].IsNull() {
			values[a.Name] = instead(a)
		}
	}
	made, err := tfprotov6.NewDynamicValue(kind, tftypes.NewValue(kind, values))
	return &made, err
}

func (s *server) ApplyResourceChange(context.Context, *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	return nil, errors.New("this provider only checks: it has Google's schema and none of its code")
}

func (s *server) UpgradeResourceState(_ context.Context, asked *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	kind := s.resources[asked.TypeName].ValueType()
	value, err := asked.RawState.Unmarshal(kind)
	if err != nil {
		return nil, err
	}
	made, err := tfprotov6.NewDynamicValue(kind, value)
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: &made}, err
}

func read() (d document) {
	program, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(program), "schema.json"))
	if err != nil {
		log.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		log.Fatal(err)
	}
	return d
}

func main() {
	d := read()
	s := &server{document: d, provider: schemaOf(d.Provider), resources: map[string]*tfprotov6.Schema{}, sources: map[string]*tfprotov6.Schema{}}
	for name, t := range d.Resources {
		s.resources[name] = schemaOf(t)
	}
	for name, t := range d.Sources {
		s.sources[name] = schemaOf(t)
	}
	if err := tf6server.Serve(address, func() tfprotov6.ProviderServer { return s }); err != nil {
		log.Fatal(err)
	}
}
